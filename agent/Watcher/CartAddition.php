<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Watcher;

use Magento\Framework\DataObject;
use MagentoEventBridge\Agent\State\ObjectStates;

/**
 * Records the quantities added to cart items; saving an item creates the capture.
 */
class CartAddition implements WatcherInterface
{
    /**
     * @var ObjectStates
     */
    private $states;

    /**
     * @param ObjectStates $states
     */
    public function __construct(ObjectStates $states)
    {
        $this->states = $states;
    }

    /**
     * @inheritdoc
     */
    public function on(string $event, DataObject $data): void
    {
        foreach ($data->getData('items') ?: [] as $item) {
            $state = $this->states->of($item);
            $state->added = (float)$state->added + (float)$item->getData('qty_to_add');
        }
    }
}
