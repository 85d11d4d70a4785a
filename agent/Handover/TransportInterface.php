<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Handover;

use MagentoEventBridge\Agent\Capture\Capture;

/**
 * A way from the store to the bridge.
 */
interface TransportInterface
{
    /**
     * Returns whether the shop has this way at all; where it has not, the outbox is used.
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
