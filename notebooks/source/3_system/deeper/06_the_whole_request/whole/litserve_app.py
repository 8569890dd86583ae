"""The course's contract behind LitServe; ``labs.deeper.whole.servers`` runs it as a module, in a
separate environment.
"""

import signal
import sys

import litserve as ls
import onnxruntime as ort
from fastapi import HTTPException
from pydantic import BaseModel

from labs.data.intake import PhotoError, from_base64, guard, open_photo, to_input
from labs.data.labels import CLASS_NAMES
from labs.data.preprocess import softmax


class Photo(BaseModel):
    """A photo's file as base64 text."""

    image: str


class FoodClassifier(ls.LitAPI):
    """A photo as base64 text in, class and probability out; each worker is a process with one
    session.
    """

    def __init__(self, model):
        """Remember the file; a worker opens it."""
        super().__init__(api_path="/predict")
        self.model = model

    def setup(self, device):
        """Open the session, with one thread, because each processor has a worker."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = ort.InferenceSession(
            self.model, options, providers=["CPUExecutionProvider"]
        )

    def decode_request(self, request: Photo):
        """Return the model's input; its annotation lets FastAPI judge the JSON."""
        try:
            return to_input(open_photo(from_base64(request.image)))[None]
        except PhotoError as error:
            raise HTTPException(error.status, str(error)) from None

    def predict(self, batch):
        """Return the logits."""
        return self.session.run(None, {self.session.get_inputs()[0].name: batch})[0][0]

    def encode_response(self, logits):
        """Return the reply."""
        probabilities = softmax(logits)
        best = int(probabilities.argmax())
        return {
            "prediction": CLASS_NAMES[best],
            "probability": float(probabilities[best]),
        }


if __name__ == "__main__":
    path, port, workers = sys.argv[1:]
    how = {"accelerator": "cpu", "workers_per_device": int(workers)}
    server = ls.LitServer(
        FoodClassifier(path), restart_workers=True, **how
    )  # else it ends when a worker dies
    guard(server.app)
    # LitServe drains on Ctrl+C alone. SIGTERM, which orchestrators send, would end its main process
    # at once.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    server.run(
        host="127.0.0.1",
        port=int(port),
        num_api_servers=1,
        generate_client_file=False,
        log_level="warning",
    )
