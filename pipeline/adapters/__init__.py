"""One module per engine; nothing but `pipeline.wiring` imports them."""
