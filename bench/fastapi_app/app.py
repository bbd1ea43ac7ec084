"""The lecture's FastAPI app, made real: the thing that Saccade is measured against.

Same routes and same shape as the lecture's sections 2, 3 and 5; what the lecture pretends is done here: a trained
model answers, the background task writes to SQLite, the endpoint label is the route's template, /metrics is in
Prometheus' own format. Everything that FastAPI's and uvicorn's documentation advise for speed is followed (uvloop,
httptools, one model per process held in memory, a response model so that pydantic writes the JSON, middleware in
plain ASGI).

    MODEL=model.onnx PREDICTIONS_DB=predictions.db uvicorn app:app --port 8000 --workers 2

With more than one worker set PROMETHEUS_MULTIPROC_DIR to an empty folder, or /metrics shows one worker's share.
"""

import os
import sqlite3
import threading
import time
import uuid

import numpy as np
import onnxruntime
from fastapi import BackgroundTasks, FastAPI, HTTPException, WebSocket, WebSocketDisconnect
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from pydantic import BaseModel

app = FastAPI()


# --- the model -------------------------------------------------------------------------------------------------

# One session per process and one thread per session: the parallelism is in the workers.
_options = onnxruntime.SessionOptions()
_options.intra_op_num_threads = 1
_options.inter_op_num_threads = 1
_session = onnxruntime.InferenceSession(os.environ["MODEL"], _options, providers=["CPUExecutionProvider"])


class Prediction(BaseModel):
    prediction: str
    # "class" is a Python keyword; the wire name is the alias.
    class_: int
    confidence: float
    request_id: str
    timestamp: float

    model_config = {"alias_generator": lambda name: name.rstrip("_"), "populate_by_name": True}


def classify(data: dict) -> tuple[int, float]:
    try:
        image = np.asarray(data["image"], dtype=np.float32)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError('expected {"image": 28 rows of 28 numbers}') from error
    if image.shape != (28, 28):
        raise ValueError(f'input "image": got shape {list(image.shape)}, the model takes [28,28]')
    probabilities = _session.run(["probabilities"], {"image": image[np.newaxis]})[0][0]
    best = int(probabilities.argmax())
    return best, float(probabilities[best])


def predict_or_400(data: dict) -> Prediction:
    # The engine's call takes some tens of microseconds: less than handing it to a thread would.
    try:
        best, confidence = classify(data)
    except ValueError as error:
        raise HTTPException(status_code=400, detail=str(error)) from error
    return Prediction(
        prediction=str(best),
        class_=best,
        confidence=confidence,
        request_id=uuid.uuid4().hex,
        timestamp=time.time(),
    )


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


def log_prediction(result: Prediction) -> None:
    _connection().execute(
        "INSERT INTO predictions VALUES (?, ?, ?, ?)",
        (result.request_id, result.timestamp, result.class_, result.confidence),
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
async def predict(data: dict) -> Prediction:
    return predict_or_400(data)


@app.post("/predict-async")
async def predict_async(data: dict, background_tasks: BackgroundTasks) -> Prediction:
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
                best, confidence = classify(data)
            except ValueError as error:
                await websocket.send_json({"error": str(error)})
                continue
            await websocket.send_json({"class": best, "confidence": confidence, "timestamp": time.time()})
    except WebSocketDisconnect:
        pass
