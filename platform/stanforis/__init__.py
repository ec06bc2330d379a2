"""The platform that every part of Stanforis Health stands on."""
