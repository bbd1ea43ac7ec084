"""Ask a running server which digit a picture shows.

python3 examples/digits/client.py                # the digit in request.json
python3 examples/digits/client.py --repeat 3     # the same digit three times, in one request
python3 examples/digits/client.py photo.png      # your own: one digit in the middle (needs pillow)
python3 examples/digits/client.py --ws           # over WebSocket (needs websockets)
"""

import argparse
import json
import pathlib
import urllib.error
import urllib.request
from typing import Any

Image = list[list[float]]  # 28 rows of 28 pixels, 0 (black) to 255 (white), white digit on black
SAMPLE = pathlib.Path(__file__).with_name("request.json")


def read_picture(path: str) -> Image:
    from PIL import Image as Pillow
    from PIL import ImageOps, ImageStat

    picture = Pillow.open(path).convert("L")
    if ImageStat.Stat(picture).mean[0] > 127:  # dark ink on light paper
        picture = ImageOps.invert(picture)
    picture = ImageOps.pad(picture, (28, 28))
    values = [float(value) for value in picture.tobytes()]
    return [values[row : row + 28] for row in range(0, 28 * 28, 28)]


def post(server: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(
        f"http://{server}/predict/digits", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{error.code} {error.reason}: {error.read().decode()}") from None
    except urllib.error.URLError as error:
        raise SystemExit(f"no answer from {server}: {error.reason}") from None


def send_over_websocket(server: str, body: dict[str, Any]) -> dict[str, Any]:
    from websockets.sync.client import connect

    with connect(f"ws://{server}/ws/predict/digits") as socket:
        socket.send(json.dumps(body))
        return json.loads(socket.recv(timeout=10))


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("picture", nargs="?", help="a picture of one digit; without it, request.json")
    options.add_argument("--repeat", type=int, default=1, help="send the image so many times in one request")
    options.add_argument("--ws", action="store_true", help="over WebSocket instead of HTTP")
    options.add_argument("--server", default="localhost:8000")
    given = options.parse_args()

    image: Image = read_picture(given.picture) if given.picture else json.loads(SAMPLE.read_text())["image"]
    body = {"image": image if given.repeat == 1 else [image] * given.repeat}
    answer = send_over_websocket(given.server, body) if given.ws else post(given.server, body)
    if "error" in answer:
        raise SystemExit(f"refused: {answer['error']}")
    for item in answer.get("predictions", [answer]):
        print(f"{item['prediction']}  ({item['confidence']:.1%} sure)")


if __name__ == "__main__":
    main()
