"""A lease that is there before the notebook is opened, as one is made in Horizon. Arguments: site, name, node type."""

import json
import sys
from datetime import UTC, datetime, timedelta

from chi import context, lease

site, name, kind = sys.argv[1:]
context.use_site(site)
made = lease.Lease(name, end_date=datetime.now(UTC) + timedelta(hours=2))
if site == "CHI@Edge":
    made.add_device_reservation(amount=1, machine_type=kind)
else:
    made.add_node_reservation(amount=1, node_type=kind)
made.submit()
print("RESULT", json.dumps(made.status))
