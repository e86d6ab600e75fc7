# What redis is for: a value that is kept, in a snapshot and in the log of changes.
set -eu
cli() {
    redis-cli -h 127.94.0.2 "$@"
}

tries=0
until [ "$(cli ping 2> /dev/null)" = PONG ]; do
    tries=$((tries + 1))
    [ $tries -lt 100 ]
    sleep 0.1
done

test "$(cli set key value)" = OK
test "$(cli save)" = OK
cli bgsave
cli bgrewriteaof
# The rewriting waits until the snapshot is done.
while cli info persistence | grep -E '_(in_progress|scheduled):1'; do
    sleep 0.1
done
for what in rdb_last_bgsave aof_last_bgrewrite aof_last_write; do
    cli info persistence | grep "${what}_status:ok"
done
test "$(cli get key)" = value
