"""A: each path asks B in another way and answers with what B says."""

import os
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import requests
from flask import Flask

B = os.environ["B_URL"]
app = Flask(__name__)


@app.get("/requests")
def by_requests():
    return requests.get(B).text


@app.get("/urllib")
def by_urllib():
    return urllib.request.urlopen(B).read()


@app.get("/pool")
def in_a_pool():
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: requests.get(B).text).result()


app.run("127.0.0.1", int(os.environ["A_PORT"]))
