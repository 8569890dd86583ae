"""A Raspberry Pi's container from the device to its deletion, in plain python-chi. Prints what each step gave."""

import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import chi.container
from chi import container, context, hardware, lease

found = {}
context.use_site("CHI@Edge")
found["devices"] = len(hardware.get_devices(device_type="raspberrypi5"))
free = hardware.get_devices(device_type="raspberrypi5", filter_reserved=True)
found["free"] = len(free)
free[0].next_free_timeslot(minimum_hours=2)

wanted = lease.Lease("edge-lease", end_date=datetime.now(UTC) + timedelta(hours=2))
wanted.add_device_reservation(amount=1, machine_type="raspberrypi5")
wanted.submit(idempotent=True)
found["lease"] = wanted.status
reservation = wanted.device_reservations[0]["id"]

IMAGE = "quay.io/jupyter/minimal-notebook:latest"
pi = container.Container("pi", image_ref=IMAGE, reservation_id=reservation, exposed_ports=["8888"])
pi.submit(idempotent=True, show="text")
found["container"] = pi.status
found["executed"] = pi.execute("echo one two")
found["failed"] = pi.execute("false")
found["missing"] = pi.execute("no-such-program")
with tempfile.TemporaryDirectory() as folder:
    model = Path(folder) / "model.onnx"
    model.write_text("weights")
    pi.upload(str(model), "/home/jovyan/work")
    back = Path(folder) / "back"
    back.mkdir()
    pi.download("/home/jovyan/work/model.onnx", str(back))
    found["round_trip"] = (back / "model.onnx").read_text()
found["read"] = pi.execute("cat model.onnx")
found["address"] = pi.associate_floating_ip()
found["log"] = chi.container.get_logs(pi.id)

second = container.Container("pi", image_ref=IMAGE, reservation_id=reservation)
returned = second.submit(idempotent=True, show=None)
found["second_id"], found["returned_is_first"] = second.id, returned.id == pi.id
try:
    found["second_status"] = second.status
except Exception as error:
    found["second_status"] = type(error).__name__

pi.delete()
wanted.delete()
found["left"] = len(container.list_containers()) + len(lease.list_leases())
print("RESULT", json.dumps(found))
