"""The SDK that the programs in ``clients/`` use."""
