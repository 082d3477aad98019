package uapi

// Class codes [linux/usb/ch9.h], the rest as usb.org assigns them.
const (
	USB_CLASS_PER_INTERFACE       = 0x00
	USB_CLASS_AUDIO               = 0x01
	USB_CLASS_COMM                = 0x02
	USB_CLASS_HID                 = 0x03
	USB_CLASS_PHYSICAL            = 0x05
	USB_CLASS_STILL_IMAGE         = 0x06
	USB_CLASS_PRINTER             = 0x07
	USB_CLASS_MASS_STORAGE        = 0x08
	USB_CLASS_HUB                 = 0x09
	USB_CLASS_CDC_DATA            = 0x0a
	USB_CLASS_CSCID               = 0x0b // smart card
	USB_CLASS_CONTENT_SEC         = 0x0d
	USB_CLASS_VIDEO               = 0x0e
	USB_CLASS_PERSONAL_HEALTHCARE = 0x0f
	USB_CLASS_AUDIO_VIDEO         = 0x10
	USB_CLASS_BILLBOARD           = 0x11
	USB_CLASS_USB_TYPE_C_BRIDGE   = 0x12
	USB_CLASS_DIAGNOSTIC          = 0xdc
	USB_CLASS_WIRELESS_CONTROLLER = 0xe0
	USB_CLASS_MISC                = 0xef
	USB_CLASS_APP_SPEC            = 0xfe // USBTMC is its subclass 3
	USB_CLASS_VENDOR_SPEC         = 0xff
)

// Requests of CDC ACM, capabilities and notification [linux/usb/cdc.h; PSTN tables 13, 4, 30].
const (
	USB_CDC_REQ_SET_LINE_CODING        = 0x20
	USB_CDC_REQ_GET_LINE_CODING        = 0x21
	USB_CDC_REQ_SET_CONTROL_LINE_STATE = 0x22
	USB_CDC_REQ_SEND_BREAK             = 0x23

	USB_CDC_CAP_LINE = 0x02
	USB_CDC_CAP_BRK  = 0x04

	USB_CDC_NOTIFY_SERIAL_STATE = 0x20
)

// Bits of CDC ACM's serial state [linux/usb/cdc.h; PSTN table 31].
const (
	USB_CDC_SERIAL_STATE_DCD         = 1 << 0
	USB_CDC_SERIAL_STATE_DSR         = 1 << 1
	USB_CDC_SERIAL_STATE_BREAK       = 1 << 2
	USB_CDC_SERIAL_STATE_RING_SIGNAL = 1 << 3
	USB_CDC_SERIAL_STATE_FRAMING     = 1 << 4
	USB_CDC_SERIAL_STATE_PARITY      = 1 << 5
	USB_CDC_SERIAL_STATE_OVERRUN     = 1 << 6
)

// Message identifiers [USBTMC] table 2, [USB488] table 2.
const (
	USBTMC_MSGID_DEV_DEP_MSG_OUT        = 1
	USBTMC_MSGID_REQUEST_DEV_DEP_MSG_IN = 2
	USBTMC_MSGID_DEV_DEP_MSG_IN         = 2
	USBTMC488_MSGID_TRIGGER             = 128

	USBTMC_HEADER_SIZE = 12 // bytes before a message's data
)

// Requests [linux/usb/tmc.h; USBTMC table 15, USB488 table 9], and what they answer with, table 16.
const (
	USBTMC_REQUEST_INITIATE_ABORT_BULK_OUT     = 1
	USBTMC_REQUEST_CHECK_ABORT_BULK_OUT_STATUS = 2
	USBTMC_REQUEST_INITIATE_ABORT_BULK_IN      = 3
	USBTMC_REQUEST_CHECK_ABORT_BULK_IN_STATUS  = 4
	USBTMC_REQUEST_INITIATE_CLEAR              = 5
	USBTMC_REQUEST_CHECK_CLEAR_STATUS          = 6
	USBTMC_REQUEST_GET_CAPABILITIES            = 7
	USBTMC_REQUEST_INDICATOR_PULSE             = 64
	USBTMC488_REQUEST_READ_STATUS_BYTE         = 128
	USBTMC488_REQUEST_REN_CONTROL              = 160
	USBTMC488_REQUEST_GOTO_LOCAL               = 161
	USBTMC488_REQUEST_LOCAL_LOCKOUT            = 162

	USBTMC_STATUS_SUCCESS                  = 0x01
	USBTMC_STATUS_PENDING                  = 0x02
	USBTMC_STATUS_FAILED                   = 0x80
	USBTMC_STATUS_TRANSFER_NOT_IN_PROGRESS = 0x81
)
