# guest.sh ROOT: boots a kernel, puts its files over ROOT's, and runs ROOT/cmd.sh inside.
# It runs as process 1 of its own pid and mount namespace: whatever it starts and mounts ends with it.
set -eu
root=$1
mount --make-rprivate /

KOBENCH_SOCKET=$root/run/kobench.sock
export KOBENCH_SOCKET
"$root/sbin/kobench" up -d -b bare
"$root/sbin/kobench" mount "$root/sim" &
tries=0
until grep -q " $root/sim " /proc/mounts; do
  tries=$((tries + 1))
  [ $tries -lt 200 ] || { echo "kobench mount: nothing is mounted after 10 s" >&2; exit 1; }
  sleep 0.05
done
for dir in dev proc sys tmp; do mount --bind "$root/sim/$dir" "$root/$dir"; done

inside() { chroot "$root" /bin/busybox env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb KOBENCH_SOCKET=/run/kobench.sock "$@"; }
# What a distribution's kernel package brings, and depmod asks for: a tree without modules of its own.
inside /bin/sh -c 'dir=/lib/modules/$(uname -r) && mkdir -p $dir && cd $dir && touch modules.order modules.builtin modules.builtin.modinfo'
inside /sbin/kerneld keep &
inside /bin/sh -c 'cd /root && exec sh /cmd.sh 2>&1'
