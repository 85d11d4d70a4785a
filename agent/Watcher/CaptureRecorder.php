<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Watcher;

use MagentoEventBridge\Agent\Capture\Capture;
use MagentoEventBridge\Agent\Capture\Captures;
use MagentoEventBridge\Agent\Capture\ExecutionContext;
use MagentoEventBridge\Agent\Capture\Toggles;
use MagentoEventBridge\Agent\Handover\TransactionBuffer;
use MagentoEventBridge\Agent\Snapshot\Snapshot;

/**
 * Records a snapshot as an event of a store view, if the shop has switched the event on.
 */
class CaptureRecorder
{
    /**
     * @var ExecutionContext
     */
    private $execution;

    /**
     * @var Toggles
     */
    private $toggles;

    /**
     * @var Captures
     */
    private $captures;

    /**
     * @var TransactionBuffer
     */
    private $buffer;

    /**
     * @param ExecutionContext $execution
     * @param Toggles $toggles
     * @param Captures $captures
     * @param TransactionBuffer $buffer
     */
    public function __construct(
        ExecutionContext $execution,
        Toggles $toggles,
        Captures $captures,
        TransactionBuffer $buffer
    ) {
        $this->execution = $execution;
        $this->toggles = $toggles;
        $this->captures = $captures;
        $this->buffer = $buffer;
    }

    /**
     * Returns whether the event is switched on in the store view; null stands for the current one.
     */
    public function isOn(string $event, ?int $storeId): bool
    {
        return $this->toggles->isOn($event, $this->storeId($storeId));
    }

    /**
     * Hands over a single capture.
     */
    public function record(string $event, ?int $storeId, Snapshot $snapshot): void
    {
        $this->buffer->add($this->capture($event, $storeId, $snapshot));
    }

    /**
     * Creates a capture of the snapshot.
     */
    public function capture(string $event, ?int $storeId, Snapshot $snapshot): Capture
    {
        $capture = $this->captures->make($event, $this->storeId($storeId), $snapshot->getSubject());
        $capture->show($snapshot->getFields(), [], $snapshot->isNew());

        return $capture;
    }

    /**
     * Returns the given store view, or the current one.
     */
    private function storeId(?int $storeId): int
    {
        return $storeId ?? $this->execution->getStoreId();
    }
}
