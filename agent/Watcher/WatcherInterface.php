<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Watcher;

use Magento\Framework\DataObject;

/**
 * Captures the Magento events of one kind of object.
 */
interface WatcherInterface
{
    /**
     * Handles one Magento event.
     */
    public function on(string $event, DataObject $data): void;
}
