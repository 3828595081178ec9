#!/usr/bin/env python3
"""Latency of text searches over HTTP: idle, and while the server indexes what is added to a folder that it watches.

    python tools/watch/latency.py http://127.0.0.1:7801 SOURCE PHOTOS [--copies 1500] [--clients 1] [--pause 0.01]

SOURCE is an indexed folder of the server's library, PHOTOS a folder of JPEG files. Each is copied with other bytes at its end,
so that each is a new picture. Prints the 50th, 99th and 99.9th percentile in milliseconds, the pictures indexed meanwhile, and the time after
which a search finds a new picture.
"""

import argparse
import http.client
import itertools
import json
import pathlib
import shutil
import threading
import time
import urllib.parse

QUERIES = ["red apple", "a dog", "children on a beach", "umbrella in the rain", "a sailboat at sunset", "a cup of tea"]


class Client:
    def __init__(self, address):
        self.connection = http.client.HTTPConnection(urllib.parse.urlparse(address).netloc)

    def get(self, path):
        self.connection.request("GET", path)
        response = self.connection.getresponse()
        body = response.read()
        assert response.status == 200, body
        return json.loads(body)


def search(address, pause, until, times):
    client = Client(address)
    for number in itertools.count():
        if until():
            return
        # Another number each time, since the server remembers the embeddings of texts.
        text = f"{QUERIES[number % len(QUERIES)]} {number} {threading.get_ident()}"
        start = time.perf_counter()
        client.get("/v1/search?" + urllib.parse.urlencode({"text": text, "k": 20}))
        times.append(time.perf_counter() - start)
        time.sleep(pause)


def measure(options, until):
    times = []
    work = (options.address, options.pause, until, times)
    clients = [threading.Thread(target=search, args=work) for _ in range(options.clients)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return sorted(times)


def report(name, times, more=""):
    points = [(f"p{100 * share:g}", times[min(len(times) - 1, int(share * len(times)))]) for share in (0.5, 0.99, 0.999)]
    text = "  ".join(f"{point} {1000 * seconds:.2f} ms" for point, seconds in points)
    print(f"{name:9} {len(times)} searches  {text}{more}", flush=True)


def add_pictures(options):
    photos = sorted(pathlib.Path(options.photos).rglob("*.jpg"))
    target = pathlib.Path(options.source) / f"copies {time.time_ns()}"
    target.mkdir()
    for number in range(options.copies):
        photo = photos[number % len(photos)]
        path = target / f"{number:05}.jpg"
        shutil.copyfile(photo, path)
        with path.open("ab") as file:
            file.write(f"copy {time.time_ns()}".encode())


def time_to_find(options):
    """Seconds from the end of writing a picture to the first search that finds it, several times."""
    photo = sorted(pathlib.Path(options.photos).rglob("*.jpg"))[0]
    folder = pathlib.Path(options.source) / f"found {time.time_ns()}"
    folder.mkdir()
    client, seconds = Client(options.address), []
    for number in range(options.found):
        path = folder / f"{number}.jpg"
        path.write_bytes(photo.read_bytes() + f"found {time.time_ns()}".encode())
        start = time.perf_counter()
        query = "/v1/search?" + urllib.parse.urlencode({"text": "picture", "k": 100, "folder": str(folder)})
        while not any(str(path) in hit["paths"] for hit in client.get(query)["hits"]):
            time.sleep(0.05)
        seconds.append(time.perf_counter() - start)
    seconds.sort()
    print(f"found after {seconds[0]:.1f} to {seconds[-1]:.1f} s, median {seconds[len(seconds) // 2]:.1f} s", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("source")
    parser.add_argument("photos")
    parser.add_argument("--copies", type=int, default=1500)
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--pause", type=float, default=0.01)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--found", type=int, default=10)
    options = parser.parse_args()

    def paths():
        # The server closes connections that are idle for long.
        return Client(options.address).get("/v1/status")["paths"]

    for _ in range(2):
        end = time.monotonic() + options.seconds
        report("idle", measure(options, lambda: time.monotonic() > end))
        before = paths()
        threading.Thread(target=add_pictures, args=(options,)).start()
        while paths() == before:
            time.sleep(0.05)
        start, first = time.monotonic(), paths()
        state = {"paths": first}
        done = threading.Event()

        def follow():
            while state["paths"] < before + options.copies:
                time.sleep(0.25)
                state["paths"] = paths()
            done.set()

        threading.Thread(target=follow).start()
        times = measure(options, done.is_set)
        seconds = time.monotonic() - start
        rate = (state["paths"] - first) / max(seconds, 1e-9)
        report("indexing", times, f"  {state['paths'] - first} pictures in {seconds:.1f} s ({rate:.0f}/s)")
    time_to_find(options)


if __name__ == "__main__":
    main()
