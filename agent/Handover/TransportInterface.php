<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Handover;

use MagentoEventBridge\Agent\Capture\Capture;

/**
 * A transport from the store to the bridge.
 */
interface TransportInterface
{
    /**
     * Returns whether the shop can use this transport; otherwise the outbox is used.
     */
    public function isAvailable(): bool;

    /**
     * Returns whether it writes within the database's transaction, to be committed or rolled back with it.
     */
    public function isTransactional(): bool;

    /**
     * Hands over captures, in their order.
     *
     * @param Capture[] $captures
     * @return void
     */
    public function send(array $captures): void;
}
