# What nginx is for: a page, a body too large for its memory, a cache.
set -eu
at=http://127.94.0.1:8080
body=/usr/lib/python3.11/pydoc_data/topics.py

tries=0
until wget -q -O /dev/null $at/ 2> /dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 100 ]
    sleep 0.1
done
cached() {
    wget -S -q -O /dev/null $at/cached/ 2>&1 | grep -o 'X-State: [A-Z]*'
}

wget -q -O - $at/ | grep -q 'Welcome to nginx'
test "$(wget -q -O - --post-file $body $at/upload)" = "$(stat -c %s $body)"
cached
test "$(cached)" = 'X-State: HIT'
