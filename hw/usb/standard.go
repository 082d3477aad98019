package usb

import "encoding/binary"

// standard answers the requests of [USB2] 9.4 and [USB3.2] 9.4. handled is false for a request that
// is the function's.
func (d *Emulated) standard(s Setup, data []byte) (n int, err error, handled bool) {
	if s.RequestType&TypeMask != TypeStandard {
		return 0, nil, false
	}
	switch s.RequestType & RecipientMask {
	case ToDevice:
		n, err = d.deviceRequest(s, data)
	case ToInterface:
		if s.Request == GetDescriptor { // HID report descriptors and their like
			return 0, nil, false
		}
		n, err = d.interfaceRequest(s, data)
	case ToEndpoint:
		n, err = d.endpointRequest(s, data)
	default:
		err = Stall
	}
	return n, err, true
}

func (d *Emulated) deviceRequest(s Setup, data []byte) (int, error) {
	super := d.speed >= SuperSpeed
	switch {
	case s.Is(DirIn, GetDescriptor):
		b := d.descriptor(uint8(s.Value>>8), uint8(s.Value), s.Index)
		if b == nil {
			return 0, Stall
		}
		return copy(data, b), nil
	case s.Is(DirIn, GetConfiguration):
		v := uint8(0)
		if d.config != nil {
			v = d.config.Value
		}
		return copy(data, []byte{v}), nil
	case s.Is(DirOut, SetConfiguration):
		if s.Value == 0 {
			d.configure(nil)
			return 0, nil
		}
		c := d.desc.Config(uint8(s.Value))
		if c == nil || s.Value > 0xff {
			return 0, Stall
		}
		d.configure(c)
		return 0, nil
	case s.Is(DirOut, SetAddress):
		if s.Value > 127 {
			return 0, Stall
		}
		d.address = uint8(s.Value)
		return 0, nil
	case s.Is(DirIn, GetStatus):
		if s.Value != 0 { // PTM_STATUS
			return 0, Stall
		}
		st := uint16(0)
		if c := d.desc.first(d.config); c != nil && c.Attributes&SelfPowered != 0 {
			st |= 1
		}
		if d.remote {
			st |= 2
		}
		return copy(data, binary.LittleEndian.AppendUint16(nil, st)), nil
	case s.Is(DirOut, SetFeature), s.Is(DirOut, ClearFeature):
		switch s.Value {
		case DeviceRemoteWake:
			if c := d.desc.first(d.config); c == nil || c.Attributes&RemoteWakeup == 0 {
				return 0, Stall
			}
			d.remote = s.Request == SetFeature
			return 0, nil
		case U1Enable, U2Enable, LTMEnable:
			if super && d.config != nil {
				return 0, nil
			}
		}
		return 0, Stall
	case s.Is(DirOut, SetSel) && super, s.Is(DirOut, SetIsochDelay) && super:
		return 0, nil
	}
	return 0, Stall
}

// descriptor is the bytes of one descriptor, or nil if the device has none such.
func (d *Emulated) descriptor(typ, index uint8, lang uint16) []byte {
	other := HighSpeed
	if d.speed == HighSpeed {
		other = FullSpeed
	}
	switch typ {
	case DescDevice:
		return d.desc.Device.Append(nil)
	case DescConfig:
		if int(index) < len(d.desc.Configs) {
			return d.desc.Configs[index].Append(nil)
		}
	case DescString:
		return d.desc.stringDescriptor(index, lang)
	case DescQualifier, DescOtherSpeed: // of a device with full and high speed [USB2] 9.6.2
		if d.speed != FullSpeed && d.speed != HighSpeed {
			return nil
		}
		o := d.fn.Descriptors(other)
		if o == nil {
			return nil
		}
		if typ == DescQualifier {
			return o.Device.appendQualifier(nil)
		}
		if int(index) < len(o.Configs) {
			b := o.Configs[index].Append(nil)
			b[1] = DescOtherSpeed
			return b
		}
	case DescBOS:
		if d.desc.BOS != nil {
			return d.desc.BOS.Append(nil)
		}
	}
	return nil
}

func (d *Emulated) interfaceRequest(s Setup, data []byte) (int, error) {
	if d.config == nil {
		return 0, Stall
	}
	iface := uint8(s.Index)
	alt := -1
	for i := 0; i < len(d.alts); i += 2 {
		if d.alts[i] == iface {
			alt = int(d.alts[i+1])
		}
	}
	if alt < 0 {
		return 0, Stall
	}
	switch {
	case s.Is(DirIn|ToInterface, GetInterface):
		return copy(data, []byte{uint8(alt)}), nil
	case s.Is(DirOut|ToInterface, SetInterface):
		if s.Value > 0xff || !d.alternate(iface, uint8(s.Value)) {
			return 0, Stall
		}
		return 0, nil
	case s.Is(DirIn|ToInterface, GetStatus):
		return copy(data, []byte{0, 0}), nil
	case s.Request == SetFeature || s.Request == ClearFeature:
		if d.speed >= SuperSpeed && s.Value == FunctionSuspend && !s.In() {
			return 0, nil
		}
	}
	return 0, Stall
}

func (d *Emulated) endpointRequest(s Setup, data []byte) (int, error) {
	ep := uint8(s.Index)
	q := d.queues[epIndex(ep)]
	if q == nil {
		return 0, Stall
	}
	switch {
	case s.Is(DirIn|ToEndpoint, GetStatus):
		st := byte(0)
		if q.halted {
			st = 1
		}
		return copy(data, []byte{st, 0}), nil
	case s.Is(DirOut|ToEndpoint, SetFeature) && s.Value == EndpointHalt && q.typ != Isochronous:
		if q != &d.ctl { // a halt of endpoint 0 is neither required nor recommended
			q.halted = true
			d.run(q)
		}
		return 0, nil
	case s.Is(DirOut|ToEndpoint, ClearFeature) && s.Value == EndpointHalt:
		if q != &d.ctl {
			q.halted = false
			d.run(q)
		}
		return 0, nil
	case s.Is(DirIn|ToEndpoint, SynchFrame) && q.typ == Isochronous:
		return copy(data, []byte{0, 0}), nil
	}
	return 0, Stall
}
