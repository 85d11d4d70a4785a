"""The Magento module that belongs to the bridge: install it in a store, and check it there."""
