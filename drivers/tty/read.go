package tty

import (
	"time"

	"github.com/kobench/kobench/kernel"
)

// read is n_tty_read: lines in canonical mode, else as VMIN and VTIME say.
//
//	VMIN  VTIME  returns when
//	 n      0    n bytes (or all that were asked for) are there
//	 n      t    n bytes are there, or t tenths of a second have passed since the last one; the
//	             first is waited for without limit
//	 0      t    any byte is there, or t tenths have passed
//	 0      0    at once
func read(task *kernel.Task, f *kernel.File, p []byte) (int, error) {
	tf := f.Private.(*file)
	var w patience
	n := 0
	for len(p) > 0 {
		got, more, hung := tf.input(p[n:], &w)
		n += got
		switch {
		case got > 0 || !more && !hung:
			if !more || n == len(p) || n >= w.minimum {
				return n, nil
			}
			if w.between > 0 {
				w.left = w.between
			}
			continue
		case hung || w.left == 0:
			return n, nil
		case f.Nonblock():
			if n > 0 {
				return n, nil
			}
			return 0, kernel.EAGAIN
		}
		if err := tf.awaitInput(task, &w); err != nil && n == 0 {
			return 0, err
		} else if err != nil {
			return n, nil
		}
	}
	return n, nil
}

// patience is how long a read waits, as VMIN and VTIME say when it begins.
type patience struct {
	set     bool
	minimum int
	between time.Duration // between bytes; 0: no limit
	left    time.Duration // < 0: for ever
}

func (w *patience) begin(tm *Termios) {
	w.set, w.minimum, w.left = true, 1, -1
	if tm.Lflag&ICANON != 0 {
		return
	}
	tenths := time.Duration(tm.CC[VTIME]) * 100 * time.Millisecond
	if n := int(tm.CC[VMIN]); n > 0 {
		w.minimum, w.between = n, tenths
	} else {
		w.left = tenths
	}
}

// input takes what there is. more is whether the read goes on for more; with hung it ends. Nothing
// taken and no more: an end of file.
func (tf *file) input(p []byte, w *patience) (n int, more, hung bool) {
	t := tf.t
	t.mu.Lock()
	if !w.set {
		w.begin(&t.ld.tm)
	}
	if !t.ld.available(false) {
		hung = tf.hung
		t.mu.Unlock()
		return 0, true, hung
	}
	n, more = t.ld.take(p)
	t.refillLocked()
	t.publishLocked()
	t.mu.Unlock()
	t.service()
	return n, more, false
}

// awaitInput waits until input would find something, or the patience is over: then nothing is left
// of it.
//
// Errors: ERESTARTSYS.
func (tf *file) awaitInput(task *kernel.Task, w *patience) error {
	t := tf.t
	look := tf.readable
	if w.left < 0 {
		return task.WaitEvent(&t.readers, look)
	}
	start := t.now()
	err := task.WaitEventTimeout(&t.readers, w.left, look)
	if err == kernel.ETIMEDOUT {
		w.left = 0
		return nil
	}
	w.left = max(w.left-(t.now()-start), 1)
	return err
}

// readable is whether a read would find something, or end.
func (tf *file) readable() bool {
	tf.t.mu.Lock()
	defer tf.t.mu.Unlock()
	return tf.t.ld.available(false) || tf.hung
}
