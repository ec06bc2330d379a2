"""A listener in a process of its own, to be killed: ``python hl7_listener.py DSN PORT OWNER_DSN``."""

from __future__ import annotations

import asyncio
import sys

from stanforis.storage.pool import PoolOptions
from stanforis.tenancy.contexts import open_contexts

from adapters.hl7.mllp import listen
from adapters.hl7.receiving import Receiver
from adapters.hl7.senders import Sender, Senders
from adapters.hl7.store.postgres.store import open_message_stores


async def main() -> None:
    stores = await open_message_stores(PoolOptions(dsn=sys.argv[1]), await open_contexts(sys.argv[3]))
    await listen(Receiver(stores, Senders([Sender("any")])).receive, port=int(sys.argv[2]))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
