"""The HTTP API, a module for each thing it is about; each says its routes by `routes(house)`."""
