"""The lecture's FastAPI app, made real: what Saccade's users would otherwise write.

Same routes and same shape as the lecture's sections 2, 3 and 5; what the lecture pretends is done here: a trained
model answers (any ONNX file, ../onnx_model.py), the background task writes to SQLite, the endpoint label is the route's template, /metrics is in
Prometheus' own format. Everything that FastAPI's and uvicorn's documentation advise for speed is followed (uvloop,
httptools, one model per process held in memory, a response model so that pydantic writes the JSON, middleware in
plain ASGI).

    MODEL=model.onnx THREADS=1 PREDICTIONS_DB=predictions.db uvicorn app:app --port 8000 --workers 2

With more than one worker set PROMETHEUS_MULTIPROC_DIR to an empty folder, or /metrics shows one worker's share.
"""

import os
import sqlite3
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from fastapi import BackgroundTasks, FastAPI, HTTPException, WebSocket, WebSocketDisconnect
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from pydantic import BaseModel

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from onnx_model import Model  # noqa: E402

app = FastAPI()


# --- the model -------------------------------------------------------------------------------------------------

_model = Model()


class Prediction(BaseModel):
    prediction: str
    # "class" is a Python keyword; the wire name is the alias.
    class_: int
    confidence: float
    request_id: str
    timestamp: float

    model_config = {"alias_generator": lambda name: name.rstrip("_"), "populate_by_name": True}


class Outputs(BaseModel):
    """What a model says that is no classifier."""

    outputs: dict[str, Any]
    request_id: str
    timestamp: float


def predict_or_400(data: dict) -> Prediction | Outputs:
    # On the loop, not in a thread: a small model takes less than handing it over would, and a large one has all the cores that
    # its worker may use.
    try:
        answer = _model.predict(data)
    except ValueError as error:
        raise HTTPException(status_code=400, detail=str(error)) from error
    kind = Prediction if "class" in answer else Outputs
    return kind(**answer, request_id=uuid.uuid4().hex, timestamp=time.time())


# --- the prediction log ----------------------------------------------------------------------------------------

_DB = os.environ.get("PREDICTIONS_DB", "predictions.db")
_thread = threading.local()  # background tasks run on the thread pool; a SQLite connection stays on its thread


def _connection() -> sqlite3.Connection:
    if not hasattr(_thread, "connection"):
        connection = sqlite3.connect(_DB, timeout=30, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS predictions (id TEXT PRIMARY KEY, time REAL, class INTEGER, confidence REAL)"
        )
        _thread.connection = connection
    return _thread.connection


def log_prediction(result: Prediction | Outputs) -> None:
    _connection().execute(
        "INSERT INTO predictions VALUES (?, ?, ?, ?)",
        (result.request_id, result.timestamp, getattr(result, "class_", None), getattr(result, "confidence", None)),
    )


# --- metrics ---------------------------------------------------------------------------------------------------

REQUEST_COUNT = Counter("http_requests_total", "Total HTTP requests", ["method", "endpoint"])
REQUEST_LATENCY = Histogram("http_request_duration_seconds", "HTTP request latency")


class MetricsMiddleware:
    """What the lecture writes as @app.middleware("http"). In this form, which Starlette's documentation shows for
    speed, a request costs about 60 % of what it costs in the decorator's."""

    def __init__(self, inner) -> None:
        self.inner = inner

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            await self.inner(scope, receive, send)
            return
        start = time.perf_counter()
        await self.inner(scope, receive, send)
        route = scope.get("route")
        REQUEST_COUNT.labels(method=scope["method"], endpoint=route.path if route else "unmatched").inc()
        REQUEST_LATENCY.observe(time.perf_counter() - start)


app.add_middleware(MetricsMiddleware)


@app.get("/metrics")
async def metrics() -> Response:
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


# --- the routes ------------------------------------------------------------------------------------------------


@app.post("/predict")
async def predict(data: dict) -> Prediction | Outputs:
    return predict_or_400(data)


@app.post("/predict-async")
async def predict_async(data: dict, background_tasks: BackgroundTasks) -> Prediction | Outputs:
    result = predict_or_400(data)
    background_tasks.add_task(log_prediction, result)
    return result


@app.websocket("/ws/predict")
async def websocket_predict(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            data = await websocket.receive_json()
            try:
                answer = _model.predict(data)
            except ValueError as error:
                await websocket.send_json({"error": str(error)})
                continue
            await websocket.send_json({**answer, "timestamp": time.time()})
    except WebSocketDisconnect:
        pass
