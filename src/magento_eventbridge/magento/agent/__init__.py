"""The Magento module that belongs to the bridge: putting it into a store, looking at it there."""
