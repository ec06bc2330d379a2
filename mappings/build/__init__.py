"""The build of ``mappings/base``: the published sheets, copied byte for byte under plain names, with their digests."""
