"""The platform that every part of Stanforis Health stands on."""

SOFTWARE = "Stanforis Health"
"""What a server of this program calls itself (``CapabilityStatement.software.name``)."""
