"""A: each path asks B in another way and answers with what B says."""

import os

import httpx
import requests
import uvicorn
from fastapi import FastAPI, Response

B = os.environ["B_URL"]
app = FastAPI()


@app.get("/httpx")
async def by_httpx():
    async with httpx.AsyncClient() as client:
        return Response((await client.get(B)).text)


@app.get("/requests")
def by_requests():
    return Response(requests.get(B).text)


uvicorn.run(app, host="127.0.0.1", port=int(os.environ["A_PORT"]), log_level="error")
