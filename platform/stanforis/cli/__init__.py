"""The command `stanforis`."""
