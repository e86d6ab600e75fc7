#!/bin/busybox sh
# The kernel's first process: loads the modules, makes the guest's root out of the
# machine's own (read-only, over virtiofs) and a tmpfs, and hands over to guest.sh.
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
fail() { echo "vm: $1 failed" >/dev/console; poweroff -f; }
while read -r module; do
    insmod "/modules/$module.ko" || echo "vm: module $module does not load" >/dev/console
done </modules/order
mount -t virtiofs host /host || fail "mounting the machine's root"
mount -t tmpfs -o mode=755,size=75% scratch /scratch
mkdir /scratch/upper /scratch/work
mount -t overlay -o lowerdir=/host,upperdir=/scratch/upper,workdir=/scratch/work root /root ||
    fail "overlaying the root"
for word in $(cat /proc/cmdline); do
    case $word in lab.job=*) job=${word#lab.job=} ;; lab.tree=*) tree=${word#lab.tree=} ;; esac
done
mkdir -p /root/lab
mount --bind "/host$job" /root/lab || fail "mounting the job"
# Executed from memory: an emulated processor may not notice that the machine has put
# other code into a page, unless the kernel zeroes each page first.
cp /bin/busybox /root/busybox-lab
for directory in dev proc sys run tmp; do
    mkdir -p "/root/$directory"
done
mount -t tmpfs -o mode=1777 tmp /root/tmp
# The workspace is mounted again because it may lie under a directory that the guest hides.
mkdir -p "/root$tree"
mount --bind "/host$tree" "/root$tree" && mount -o remount,bind,ro "/root$tree"
mount --move /dev /root/dev || fail "moving /dev"
mount --move /proc /root/proc
mount --move /sys /root/sys
umount -l /host
exec switch_root /root /busybox-lab sh /lab/guest.sh
