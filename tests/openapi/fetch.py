"""Prints the body of a GET at the server that the environment names."""

import os
import sys
import urllib.request

request = urllib.request.Request(
    os.environ["ADDRESS"] + sys.argv[1],
    headers={"Authorization": "Bearer " + os.environ["EIDETIC_TOKEN"]},
)
sys.stdout.write(urllib.request.urlopen(request, timeout=30).read().decode())
