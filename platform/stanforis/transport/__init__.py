"""What stands between the network and the application: TLS, CORS, limits, headers."""
