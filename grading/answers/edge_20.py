"""Answers of lesson 20."""

# %% checkpoint="e.reserve.free_guess"
predict("e.reserve.free_guess", 4)

# %% checkpoint="e.reserve.lease"
context.use_site(block.option.site)
mine = lease.Lease(plan.lease_name, start_date=block.start, end_date=block.end)
mine.add_device_reservation(amount=1, device_name=block.resource)
mine.submit(idempotent=True, wait_for_active=False)
