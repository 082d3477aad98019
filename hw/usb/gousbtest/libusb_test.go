//go:build libusb && cgo

package gousbtest_test

import (
	"fmt"
	"testing"

	real "github.com/google/gousb"
	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/hw/usb/gousbtest/gousb"
)

// TestConstants: the constants have libusb's values and gousb's words.
func TestConstants(t *testing.T) {
	for _, c := range []struct {
		name       string
		real, ours any
	}{
		{"ClassPerInterface", real.ClassPerInterface, gousb.ClassPerInterface},
		{"ClassAudio", real.ClassAudio, gousb.ClassAudio},
		{"ClassComm", real.ClassComm, gousb.ClassComm},
		{"ClassHID", real.ClassHID, gousb.ClassHID},
		{"ClassPhysical", real.ClassPhysical, gousb.ClassPhysical},
		{"ClassImage", real.ClassImage, gousb.ClassImage},
		{"ClassPTP", real.ClassPTP, gousb.ClassPTP},
		{"ClassPrinter", real.ClassPrinter, gousb.ClassPrinter},
		{"ClassMassStorage", real.ClassMassStorage, gousb.ClassMassStorage},
		{"ClassHub", real.ClassHub, gousb.ClassHub},
		{"ClassData", real.ClassData, gousb.ClassData},
		{"ClassSmartCard", real.ClassSmartCard, gousb.ClassSmartCard},
		{"ClassContentSecurity", real.ClassContentSecurity, gousb.ClassContentSecurity},
		{"ClassVideo", real.ClassVideo, gousb.ClassVideo},
		{"ClassPersonalHealthcare", real.ClassPersonalHealthcare, gousb.ClassPersonalHealthcare},
		{"ClassAudioVideo", real.ClassAudioVideo, gousb.ClassAudioVideo},
		{"ClassBillboard", real.ClassBillboard, gousb.ClassBillboard},
		{"ClassUSBTypeCBridge", real.ClassUSBTypeCBridge, gousb.ClassUSBTypeCBridge},
		{"ClassDiagnosticDevice", real.ClassDiagnosticDevice, gousb.ClassDiagnosticDevice},
		{"ClassWireless", real.ClassWireless, gousb.ClassWireless},
		{"ClassMiscellaneous", real.ClassMiscellaneous, gousb.ClassMiscellaneous},
		{"ClassApplication", real.ClassApplication, gousb.ClassApplication},
		{"ClassVendorSpec", real.ClassVendorSpec, gousb.ClassVendorSpec},
		{"DescriptorTypeDevice", real.DescriptorTypeDevice, gousb.DescriptorTypeDevice},
		{"DescriptorTypeConfig", real.DescriptorTypeConfig, gousb.DescriptorTypeConfig},
		{"DescriptorTypeString", real.DescriptorTypeString, gousb.DescriptorTypeString},
		{"DescriptorTypeInterface", real.DescriptorTypeInterface, gousb.DescriptorTypeInterface},
		{"DescriptorTypeEndpoint", real.DescriptorTypeEndpoint, gousb.DescriptorTypeEndpoint},
		{"DescriptorTypeHID", real.DescriptorTypeHID, gousb.DescriptorTypeHID},
		{"DescriptorTypeReport", real.DescriptorTypeReport, gousb.DescriptorTypeReport},
		{"DescriptorTypePhysical", real.DescriptorTypePhysical, gousb.DescriptorTypePhysical},
		{"DescriptorTypeHub", real.DescriptorTypeHub, gousb.DescriptorTypeHub},
		{"TransferTypeControl", real.TransferTypeControl, gousb.TransferTypeControl},
		{"TransferTypeIsochronous", real.TransferTypeIsochronous, gousb.TransferTypeIsochronous},
		{"TransferTypeBulk", real.TransferTypeBulk, gousb.TransferTypeBulk},
		{"TransferTypeInterrupt", real.TransferTypeInterrupt, gousb.TransferTypeInterrupt},
		{"IsoSyncTypeNone", real.IsoSyncTypeNone, gousb.IsoSyncTypeNone},
		{"IsoSyncTypeAsync", real.IsoSyncTypeAsync, gousb.IsoSyncTypeAsync},
		{"IsoSyncTypeAdaptive", real.IsoSyncTypeAdaptive, gousb.IsoSyncTypeAdaptive},
		{"IsoSyncTypeSync", real.IsoSyncTypeSync, gousb.IsoSyncTypeSync},
		{"UsageTypeUndefined", real.UsageTypeUndefined, gousb.UsageTypeUndefined},
		{"IsoUsageTypeData", real.IsoUsageTypeData, gousb.IsoUsageTypeData},
		{"IsoUsageTypeFeedback", real.IsoUsageTypeFeedback, gousb.IsoUsageTypeFeedback},
		{"IsoUsageTypeImplicit", real.IsoUsageTypeImplicit, gousb.IsoUsageTypeImplicit},
		{"InterruptUsageTypePeriodic", real.InterruptUsageTypePeriodic, gousb.InterruptUsageTypePeriodic},
		{"InterruptUsageTypeNotification", real.InterruptUsageTypeNotification, gousb.InterruptUsageTypeNotification},
		{"ControlIn", real.ControlIn, gousb.ControlIn},
		{"ControlOut", real.ControlOut, gousb.ControlOut},
		{"ControlClass", real.ControlClass, gousb.ControlClass},
		{"ControlVendor", real.ControlVendor, gousb.ControlVendor},
		{"ControlDevice", real.ControlDevice, gousb.ControlDevice},
		{"ControlInterface", real.ControlInterface, gousb.ControlInterface},
		{"ControlEndpoint", real.ControlEndpoint, gousb.ControlEndpoint},
		{"ControlOther", real.ControlOther, gousb.ControlOther},
		{"SpeedUnknown", real.SpeedUnknown, gousb.SpeedUnknown},
		{"SpeedLow", real.SpeedLow, gousb.SpeedLow},
		{"SpeedFull", real.SpeedFull, gousb.SpeedFull},
		{"SpeedHigh", real.SpeedHigh, gousb.SpeedHigh},
		{"SpeedSuper", real.SpeedSuper, gousb.SpeedSuper},
		{"Success", real.Success, gousb.Success},
		{"ErrorIO", real.ErrorIO, gousb.ErrorIO},
		{"ErrorInvalidParam", real.ErrorInvalidParam, gousb.ErrorInvalidParam},
		{"ErrorAccess", real.ErrorAccess, gousb.ErrorAccess},
		{"ErrorNoDevice", real.ErrorNoDevice, gousb.ErrorNoDevice},
		{"ErrorNotFound", real.ErrorNotFound, gousb.ErrorNotFound},
		{"ErrorBusy", real.ErrorBusy, gousb.ErrorBusy},
		{"ErrorTimeout", real.ErrorTimeout, gousb.ErrorTimeout},
		{"ErrorOverflow", real.ErrorOverflow, gousb.ErrorOverflow},
		{"ErrorPipe", real.ErrorPipe, gousb.ErrorPipe},
		{"ErrorInterrupted", real.ErrorInterrupted, gousb.ErrorInterrupted},
		{"ErrorNoMem", real.ErrorNoMem, gousb.ErrorNoMem},
		{"ErrorNotSupported", real.ErrorNotSupported, gousb.ErrorNotSupported},
		{"ErrorOther", real.ErrorOther, gousb.ErrorOther},
		{"TransferCompleted", real.TransferCompleted, gousb.TransferCompleted},
		{"TransferError", real.TransferError, gousb.TransferError},
		{"TransferTimedOut", real.TransferTimedOut, gousb.TransferTimedOut},
		{"TransferCancelled", real.TransferCancelled, gousb.TransferCancelled},
		{"TransferStall", real.TransferStall, gousb.TransferStall},
		{"TransferNoDevice", real.TransferNoDevice, gousb.TransferNoDevice},
		{"TransferOverflow", real.TransferOverflow, gousb.TransferOverflow},
	} {
		require.Equal(t, fmt.Sprintf("%d %v", c.real, c.real), fmt.Sprintf("%d %v", c.ours, c.ours), c.name)
	}
	require.Equal(t, bool(real.EndpointDirectionIn), bool(gousb.EndpointDirectionIn))
	require.Equal(t, real.EndpointDirectionOut.String(), gousb.EndpointDirectionOut.String())
	for _, v := range []uint16{0, 0x0110, 0x0200, 0x1234, 0x9999} {
		require.Equal(t, real.BCD(v).String(), gousb.BCD(v).String())
		require.Equal(t, real.Version(real.BCD(v).Major(), real.BCD(v).Minor()).String(), gousb.Version(gousb.BCD(v).Major(), gousb.BCD(v).Minor()).String())
		require.Equal(t, real.ID(v).String(), gousb.ID(v).String())
	}
}
