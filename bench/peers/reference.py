"""What ONNX Runtime itself answers: reference.py MODEL.onnx REQUEST.json prints {"output": [numbers]}."""

import json
import os
import sys
from pathlib import Path

if __name__ == "__main__":
    os.environ["MODEL"] = sys.argv[1]
    from onnx_model import Model

    model = Model()
    results = model.run(model.feeds(json.loads(Path(sys.argv[2]).read_text())))
    json.dump({name: result.ravel().tolist() for name, result in zip(model.outputs, results)}, sys.stdout)
