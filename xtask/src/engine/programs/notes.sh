# What the application is for: notes that are rendered once, and uploads.
set -eu
at=http://127.94.0.3:8000
body=/usr/lib/python3.11/pydoc_data/topics.py

tries=0
until wget -q -O /dev/null $at/ 2> /dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 100 ]
    sleep 0.1
done
note() {
    wget -S -q -O /dev/null "$at/note?text=$1" 2>&1 | grep -o 'X-State: [a-z]*'
}

note first
test "$(note first)" = 'X-State: hit'
test "$(wget -q -O - --post-file $body $at/upload)" = "$(stat -c %s $body)"
