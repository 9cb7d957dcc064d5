"""Libraries and outputs in object stores: listing, staging, ledger and lock, through pyarrow."""
