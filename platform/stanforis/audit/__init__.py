"""The audit trail: who did what, when, to whose record, kept so that nobody can change it unseen."""

from stanforis.audit.acts import administered, disclosed
from stanforis.audit.batches import Batch
from stanforis.audit.records import Record, Who
from stanforis.audit.trail import TenantTrail, Trail

__all__ = ["Batch", "Record", "TenantTrail", "Trail", "Who", "administered", "disclosed"]
