package kernel

import (
	"fmt"
	"slices"
	"sync"
)

// TroubleKind says what sort of thing went wrong.
type TroubleKind string

// The kinds of trouble.
const (
	TroubleOops TroubleKind = "oops" // a fault in a driver; its task is dead
	// WARN, "BUG: scheduling while atomic" and their like; everything goes on
	TroubleWarn TroubleKind = "warn"
	TroubleLeft TroubleKind = "left" // a module has gone and not given something back
)

// Trouble is something in the log that a healthy driver does not cause.
type Trouble struct {
	Kind TroubleKind
	Text string // as it stands in the log
}

// String is "warn: WARNING: …".
func (t Trouble) String() string { return string(t.Kind) + ": " + t.Text }

// maxTroubles bounds what is kept; the rest is counted.
const maxTroubles = 256

type troubles struct {
	mu   sync.Mutex
	list []Trouble // +checklocks:mu
	// that list has no room for
	more int // +checklocks:mu
}

// Trouble notes that something went wrong. It logs nothing: whoever calls it has.
func (k *Kernel) Trouble(kind TroubleKind, text string) {
	k.trouble.mu.Lock()
	defer k.trouble.mu.Unlock()
	if len(k.trouble.list) == maxTroubles {
		k.trouble.more++
		return
	}
	k.trouble.list = append(k.trouble.list, Trouble{kind, text})
}

// Troubles are what has gone wrong since boot, in order. After 256 of them the last line counts the
// others.
func (k *Kernel) Troubles() []Trouble {
	k.trouble.mu.Lock()
	defer k.trouble.mu.Unlock()
	list := slices.Clone(k.trouble.list)
	if k.trouble.more > 0 {
		list = append(list, Trouble{list[len(list)-1].Kind, fmt.Sprintf("%d more", k.trouble.more)})
	}
	return list
}
