package uapi

// Vendor requests of FTDI's chips [drivers/usb/serial/ftdi_sio.h]; those after SET_LATENCY_TIMER
// as libftdi names them.
const (
	FTDI_SIO_RESET             = 0x00
	FTDI_SIO_MODEM_CTRL        = 0x01
	FTDI_SIO_SET_FLOW_CTRL     = 0x02
	FTDI_SIO_SET_BAUD_RATE     = 0x03
	FTDI_SIO_SET_DATA          = 0x04
	FTDI_SIO_GET_MODEM_STATUS  = 0x05
	FTDI_SIO_SET_EVENT_CHAR    = 0x06
	FTDI_SIO_SET_ERROR_CHAR    = 0x07
	FTDI_SIO_SET_LATENCY_TIMER = 0x09
	FTDI_SIO_GET_LATENCY_TIMER = 0x0a
	FTDI_SIO_SET_BITMODE       = 0x0b
	FTDI_SIO_READ_PINS         = 0x0c
	FTDI_SIO_READ_EEPROM       = 0x90
	FTDI_SIO_WRITE_EEPROM      = 0x91
	FTDI_SIO_ERASE_EEPROM      = 0x92
)

// Values of those requests, and the clock that rates divide.
const (
	FTDI_SIO_RTS_CTS_HS  = 1 << 8
	FTDI_SIO_XON_XOFF_HS = 4 << 8
	FTDI_SIO_SET_BREAK   = 1 << 14
	FTDI_BASE_CLOCK      = 3_000_000 // Hz: 48 MHz / 16
	FTDI_STATUS_SIZE     = 2         // bytes before each packet's data
)

// Bits of the two status bytes.
const (
	FTDI_RS0_CTS  = 1 << 4
	FTDI_RS0_DSR  = 1 << 5
	FTDI_RS0_RI   = 1 << 6
	FTDI_RS0_RLSD = 1 << 7 // carrier

	FTDI_RS_OE   = 1 << 1 // overrun
	FTDI_RS_PE   = 1 << 2 // parity
	FTDI_RS_FE   = 1 << 3 // framing
	FTDI_RS_BI   = 1 << 4 // break
	FTDI_RS_THRE = 1 << 5
	FTDI_RS_TEMT = 1 << 6
)
