"""Ask a running server whether texts are positive or negative.

python3 examples/sentiment/client.py "What a lovely film." "I want my money back."
python3 examples/sentiment/client.py < reviews.txt       # one text a line
"""

import argparse
import itertools
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from typing import Any

AT_ONCE = 64  # texts in one request


def post(server: str, texts: list[str]) -> list[dict[str, Any]]:
    """One answer a text. A list under the input's name asks for a list of predictions."""
    request = urllib.request.Request(
        f"http://{server}/predict/sentiment",
        json.dumps({"text": texts}).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)["predictions"]
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{error.code} {error.reason}: {error.read().decode()}") from None
    except urllib.error.URLError as error:
        raise SystemExit(f"no answer from {server}: {error.reason}") from None


def groups(texts: Iterable[str]) -> Iterator[list[str]]:
    texts = iter(texts)
    while group := list(itertools.islice(texts, AT_ONCE)):
        yield group


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("texts", nargs="*", help="without any, each line of the standard input is a text")
    options.add_argument("--server", default="localhost:8000")
    given = options.parse_args()

    for group in groups(given.texts or (line.rstrip("\n") for line in sys.stdin)):
        for text, item in zip(group, post(given.server, group)):
            print(f"{item['prediction']:8}  {item['confidence']:6.1%}  {text}")


if __name__ == "__main__":
    main()
