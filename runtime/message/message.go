package message

// #cgo CFLAGS: -Wall -Wextra -Werror
// #include "message.h"
import "C"

import "fmt"

// Message is one byte on a socket or pipe.
type Message byte

// The messages, as message.h describes them.
const (
	EndContainer    Message = C.JAIL_END_CONTAINER
	ContainerEnded  Message = C.JAIL_CONTAINER_ENDED
	Plan            Message = C.JAIL_PLAN
	Refused         Message = C.JAIL_REFUSED
	Waits           Message = C.JAIL_WAITS
	Orders          Message = C.JAIL_ORDERS
	Ready           Message = C.JAIL_READY
	ReadyLandlocked Message = C.JAIL_READY_LANDLOCKED
	Execute         Message = C.JAIL_EXECUTE
	Stopped         Message = C.JAIL_STOPPED
	Further         Message = C.JAIL_FURTHER
	Terminal        Message = C.JAIL_TERMINAL
	Cloned          Message = C.JAIL_CLONED
	Exited          Message = C.JAIL_EXITED
	Mapped          Message = C.JAIL_MAPPED
	Namespaces      Message = C.JAIL_NAMESPACES
	Go              Message = C.JAIL_GO
)

// Bytes is m as it is sent.
func (m Message) Bytes() []byte { return []byte{byte(m)} }

// String says who sends m, to whom, and what it says.
func (m Message) String() string {
	if text := C.jail_message_text(C.uchar(m)); text != nil {
		return C.GoString(text)
	}
	return fmt.Sprintf("%q, which is no message", byte(m))
}

// Trace is told of each message where it is set. Whoever sets it has a log.
var Trace func(Message)

// Log tells Trace of m. Of two ends that could, one calls it.
func (m Message) Log() {
	if Trace != nil {
		Trace(m)
	}
}
