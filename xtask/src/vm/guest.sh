# The guest's first process once the root is mounted: mounts what a container engine
# expects, runs the job, leaves its exit code in /lab/status and powers off.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
b=/busybox-lab
$b mkdir -p /dev/pts /dev/shm /dev/mqueue
$b mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
$b mount -t tmpfs -o mode=1777 shm /dev/shm
$b mount -t mqueue mqueue /dev/mqueue
for link in "/proc/self/fd fd" "/proc/self/fd/0 stdin" "/proc/self/fd/1 stdout" "/proc/self/fd/2 stderr"; do
    $b ln -sf "${link% *}" "/dev/${link#* }"
done
$b mount -t cgroup2 cgroup2 /sys/fs/cgroup
for controller in cpuset cpu io memory pids; do
    echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control
done 2>/dev/null
$b mount -t securityfs securityfs /sys/kernel/security
$b mount -t bpf bpf /sys/fs/bpf
$b mount -t debugfs debugfs /sys/kernel/debug
$b mount -t tracefs tracefs /sys/kernel/tracing
$b mount -t tmpfs -o mode=755 run /run
for directory in docker containerd containers; do
    $b mkdir -p /var/lib/$directory
    $b mount -t tmpfs -o mode=711 $directory /var/lib/$directory
done
$b ip link set lo up
$b hostname guest
echo 0 >/proc/sys/kernel/printk_ratelimit
[ -d /lab/root ] && $b cp -a /lab/root/. /
$b stty -F /dev/hvc0 raw -echo
cd / && . /lab/job.env
$b setsid $b sh /lab/job.sh </dev/null >/dev/hvc0 2>&1
echo $? >/lab/status.new
$b chown -R "$LAB_OWNER" /lab/out /lab/status.new
$b mv /lab/status.new /lab/status
$b sync
$b poweroff -f
