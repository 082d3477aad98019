# guest.sh ROOT: boots a kernel, puts its files over ROOT's, and runs ROOT/cmd.sh inside.
# It runs as process 1 of its own pid and mount namespace: whatever it starts and mounts ends with it.
set -eu
root=$1
mount --make-rprivate /

KOBENCH_SOCKET=$root/run/kobench.sock
export KOBENCH_SOCKET
"$root/sbin/kobench" up -d -b bare --root "$root" --mount "$root/sim" >&2
for dir in dev proc sys tmp; do mount --bind "$root/sim/$dir" "$root/$dir"; done

inside() {
  chroot "$root" /bin/busybox env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb \
    KOBENCH_SOCKET=/run/kobench.sock KOBENCH_ROOT=/ "$@"
}
# What a distribution's kernel package brings, and depmod asks for: a tree without modules of its own.
inside /bin/sh -c 'dir=/lib/modules/$(uname -r) && mkdir -p $dir && cd $dir && touch modules.order modules.builtin modules.builtin.modinfo'
inside /bin/sh -c 'cd /root && exec sh /cmd.sh 2>&1'
