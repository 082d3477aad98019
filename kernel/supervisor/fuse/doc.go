// Package fuse serves a private FUSE mount of one flat directory, whose files are what the
// descriptors of supervised programs mean to the kernel below: reads, writes and poll on them run
// natively and come here. Names are numbers; nobody but the supervisor looks them up.
//
// One goroutine reads requests and answers what it has read itself; before it does something that
// may sleep it sees to it that another one listens. FUSE_POLL and its notifications are answered,
// so that poll, select and epoll work on these descriptors without anybody's help, level- and
// edge-triggered.
//
// References:
//   - [fuse] Linux include/uapi/linux/fuse.h, fs/fuse/dev.c, fs/fuse/file.c fuse_file_poll,
//     fuse_direct_io
package fuse
