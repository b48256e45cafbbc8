"""B: answers with the headers that it saw, as JSON, and prints its port first."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SHOWN = ["baggage", "x-preview-id", "traceparent"]


class Echo(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({name: self.headers.get_all(name, []) for name in SHOWN}).encode()
        self.send_response(200)
        self.send_header("content-type", "text/plain")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
print(server.server_port, flush=True)
server.serve_forever()
