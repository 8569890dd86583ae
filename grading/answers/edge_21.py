"""Answers of lesson 21."""

# %% checkpoint="e.provision.once"
held = seen["held"]
answer("e.provision.once", held)

# %% checkpoint="e.provision.id_guess"
predict("e.provision.id_guess", "both")

# %% checkpoint="e.provision.container"
first = container.Container(name, image_ref=option.image, exposed_ports=opened, reservation_id=reservation)
first.submit(idempotent=True, show=None)

# %% checkpoint="e.provision.round_trip"
board.upload(str(folder / "about.py"), "/tmp")
print(board.execute("python3 /tmp/about.py"))
board.download("/tmp/about.json", str(folder))
