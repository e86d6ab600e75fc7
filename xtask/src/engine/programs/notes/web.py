"""Requests become answers. In: WSGI. Out: a rendered note, or an upload's digest."""

import logging
from urllib.parse import parse_qs

from notes import cache, render, uploads

logging.basicConfig(filename="/var/log/notes/notes.log", level=logging.INFO)
log = logging.getLogger("notes")


def application(environ, start_response):
    path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
    log.info("%s %s", method, path)
    if (method, path) == ("GET", "/note"):
        text = parse_qs(environ["QUERY_STRING"]).get("text", [""])[0]
        state, body = cache.through(text, render.note)
    elif (method, path) == ("POST", "/upload"):
        length = int(environ["CONTENT_LENGTH"])
        state, body = uploads.take(environ["wsgi.input"], length)
    else:
        state, body = "up", "notes\n"
    data = body.encode()
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("X-State", state)]
    start_response("200 OK", headers + [("Content-Length", str(len(data)))])
    return [data]
