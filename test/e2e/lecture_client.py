# The client of the lecture's section 4, unchanged; the test replaces only the port.
import asyncio
import websockets
import json

async def stream_predictions():
    uri = "ws://localhost:8000/ws/predict"
    
    async with websockets.connect(uri) as websocket:
        # Send requests
        for i in range(10):
            data = {"image": [[0]*28]*28}
            await websocket.send(json.dumps(data))
            
            # Receive prediction
            response = await websocket.recv()
            print(f"Prediction {i}: {response}")
            
            await asyncio.sleep(0.1)

# Run
asyncio.run(stream_predictions())
