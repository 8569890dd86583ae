"""The course's contract behind LitServe; ``labs.load.servers`` runs it as a module, in an environment of its own."""

import base64
import sys

import litserve as ls
import onnxruntime as ort

from labs.data.labels import CLASS_NAMES
from labs.data.preprocess import load_image, softmax, to_input


class FoodClassifier(ls.LitAPI):
    """A JPEG as base64 text in, class and probability out; each worker is a process with one session."""

    def __init__(self, model):
        """Remember the file; a worker opens it."""
        super().__init__(api_path="/predict")
        self.model = model

    def setup(self, device):
        """Open the session, with one thread: there are as many workers as processors."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = ort.InferenceSession(self.model, options, providers=["CPUExecutionProvider"])

    def decode_request(self, request):
        """Return the model's input."""
        return to_input(load_image(base64.b64decode(request["image"])))[None]

    def predict(self, batch):
        """Return the logits."""
        return self.session.run(None, {self.session.get_inputs()[0].name: batch})[0][0]

    def encode_response(self, logits):
        """Return the reply."""
        probabilities = softmax(logits)
        best = int(probabilities.argmax())
        return {"prediction": CLASS_NAMES[best], "probability": float(probabilities[best])}


if __name__ == "__main__":
    path, port, workers = sys.argv[1:]
    server = ls.LitServer(FoodClassifier(path), accelerator="cpu", workers_per_device=int(workers))
    server.run(host="127.0.0.1", port=int(port), num_api_servers=1, generate_client_file=False, log_level="warning")
