<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Watcher;

use Magento\Framework\App\Area;
use Magento\Framework\DataObject;
use MagentoEventBridge\Agent\Capture\ExecutionContext;
use MagentoEventBridge\Agent\Handover\TransactionBuffer;
use MagentoEventBridge\Agent\Snapshot\SnapshotInterface;
use MagentoEventBridge\Agent\State\ObjectStates;

/**
 * Captures that items left a cart which was merged into another one and is then deleted or closed.
 *
 * Magento deletes these items with their cart, without an event, or leaves them in a cart that nobody uses. The
 * other cart has captures of what it got, so the shopper would seem to have all of it twice.
 */
class VanishedCart implements WatcherInterface
{
    private const ITEM_DELETED = 'sales_quote_item_delete_after';
    private const MERGED = 'sales_quote_merge_after';
    private const SAVED = 'sales_quote_save_after';
    private const AREAS = [Area::AREA_FRONTEND, 'webapi_rest', 'webapi_soap', 'graphql'];

    /**
     * @var SnapshotInterface
     */
    private $snapshots;

    /**
     * @var ObjectStates
     */
    private $states;

    /**
     * @var ExecutionContext
     */
    private $execution;

    /**
     * @var CaptureRecorder
     */
    private $recorder;

    /**
     * @var TransactionBuffer
     */
    private $buffer;

    /**
     * @var ObservedEvents
     */
    private $events;

    /**
     * @param SnapshotInterface $snapshots
     * @param ObjectStates $states
     * @param ExecutionContext $execution
     * @param CaptureRecorder $recorder
     * @param TransactionBuffer $buffer
     * @param ObservedEvents $events
     */
    public function __construct(
        SnapshotInterface $snapshots,
        ObjectStates $states,
        ExecutionContext $execution,
        CaptureRecorder $recorder,
        TransactionBuffer $buffer,
        ObservedEvents $events
    ) {
        $this->snapshots = $snapshots;
        $this->states = $states;
        $this->execution = $execution;
        $this->recorder = $recorder;
        $this->buffer = $buffer;
        $this->events = $events;
    }

    /**
     * @inheritdoc
     */
    public function on(string $event, DataObject $data): void
    {
        if (!in_array($this->execution->getArea(), self::AREAS, true)) {
            return;
        }
        /** @var \Magento\Quote\Model\Quote $cart */
        $cart = $data->getData($event === self::MERGED ? 'source' : 'quote');
        $state = $this->states->of($cart);
        if ($event === self::MERGED) {
            $state->isMerged = true;
            $this->events->add(self::SAVED);
        } elseif ($event !== self::SAVED) {
            $this->removeItems($cart);
        } elseif ($state->isMerged && !$cart->getData('is_active')) {
            $this->removeItems($cart);
            $state->isMerged = false;
        }
    }

    /**
     * Captures the removal of each item that the database has.
     *
     * @param \Magento\Quote\Model\Quote $cart
     * @return void
     */
    private function removeItems($cart): void
    {
        foreach ($cart->getAllVisibleItems() as $item) {
            $storeId = $this->snapshots->storeId($item);
            if (!$item->getId() || !$this->recorder->isOn(self::ITEM_DELETED, $storeId)) {
                continue;
            }
            $capture = $this->recorder->capture(self::ITEM_DELETED, $storeId, $this->snapshots->of($item));
            $this->buffer->hold(self::ITEM_DELETED . '/' . $item->getId(), $capture, null, $item);
        }
    }
}
