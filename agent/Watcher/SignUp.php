<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Watcher;

use Magento\Framework\App\Area;
use Magento\Framework\DataObject;
use MagentoEventBridge\Agent\Capture\ExecutionContext;
use MagentoEventBridge\Agent\ResettableInterface;
use MagentoEventBridge\Agent\Snapshot\Snapshot;
use MagentoEventBridge\Agent\Snapshot\SnapshotInterface;
use MagentoEventBridge\Agent\State\ObjectStates;

/**
 * Captures customers that are created outside the admin: by forms, REST, GraphQL, or by the model itself.
 *
 * While Magento creates an account with addresses, the capture waits: if an address is refused, Magento deletes
 * the customer that it has saved already.
 */
class SignUp implements WatcherInterface, ResettableInterface
{
    private const BEFORE = 'customer_save_before';
    private const SAVED = 'customer_save_after';

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
     * @var bool
     */
    private $isWaiting = false;

    /**
     * The resource, ID, store view and snapshot of a customer that Magento may still delete.
     *
     * @var array|null
     */
    private $waiting;

    /**
     * @param SnapshotInterface $snapshots
     * @param ObjectStates $states
     * @param ExecutionContext $execution
     * @param CaptureRecorder $recorder
     */
    public function __construct(
        SnapshotInterface $snapshots,
        ObjectStates $states,
        ExecutionContext $execution,
        CaptureRecorder $recorder
    ) {
        $this->snapshots = $snapshots;
        $this->states = $states;
        $this->execution = $execution;
        $this->recorder = $recorder;
    }

    /**
     * @inheritdoc
     */
    public function on(string $event, DataObject $data): void
    {
        /** @var \Magento\Customer\Model\Customer $customer */
        $customer = $data->getData('customer');
        $state = $this->states->of($customer);
        if ($event === self::BEFORE) {
            $state->isBeingCreated = $state->isBeingCreated || !$customer->getId() || $customer->isObjectNew();
        } elseif ($state->isBeingCreated) {
            $state->isBeingCreated = false;
            $this->created($customer);
        } elseif ($this->waiting !== null && (int)$this->waiting[1] === (int)$customer->getId()) {
            // The addresses are saved: Magento keeps the customer, whatever happens next.
            $this->recordWaiting();
        }
    }

    /**
     * Called before Magento creates an account.
     */
    public function begin(bool $hasAddresses): void
    {
        $this->isWaiting = $hasAddresses;
        $this->waiting = null;
    }

    /**
     * Called after Magento created an account, or refused to.
     */
    public function end(bool $isRefused): void
    {
        $this->isWaiting = false;
        if ($this->waiting === null) {
            return;
        }
        if ($isRefused && $this->row($this->waiting[0], (int)$this->waiting[1]) === null) {
            $this->waiting = null;
            return;
        }
        $this->recordWaiting();
    }

    /**
     * @inheritdoc
     */
    public function _resetState(): void
    {
        $this->isWaiting = false;
        $this->waiting = null;
    }

    /**
     * Captures the customer, or lets the capture wait.
     *
     * @param \Magento\Customer\Model\Customer $customer
     * @return void
     */
    private function created($customer): void
    {
        if ($this->execution->getArea() === Area::AREA_ADMINHTML) {
            return;
        }
        $storeId = (int)$customer->getData('store_id') ?: null;
        if (!$this->recorder->isOn(self::SAVED, $storeId)) {
            return;
        }
        $snapshot = $this->snapshot($customer);
        if ($snapshot === null) {
            return;
        }
        if ($this->isWaiting) {
            $this->waiting = [$customer->getResource(), $customer->getId(), $storeId, $snapshot];
        } else {
            $this->recorder->record(self::SAVED, $storeId, $snapshot);
        }
    }

    /**
     * Records the capture that waits.
     */
    private function recordWaiting(): void
    {
        list(, , $storeId, $snapshot) = $this->waiting;
        $this->waiting = null;
        $this->recorder->record(self::SAVED, $storeId, $snapshot);
    }

    /**
     * Takes the snapshot of a new customer, with the times that the database has set.
     *
     * @param \Magento\Customer\Model\Customer $customer
     * @return Snapshot|null
     */
    private function snapshot($customer): ?Snapshot
    {
        // Of a copy, which has no ID: the customer itself would remember that it had no addresses yet.
        $data = (clone $customer)->getDataModel()->setId($customer->getId());
        if (!$data->getCreatedAt()) {
            $row = $this->row($customer->getResource(), (int)$customer->getId()) ?? [];
            $data->setCreatedAt($row['created_at'] ?? null)->setUpdatedAt($row['updated_at'] ?? null);
        }

        return $this->snapshots->of(new DataObject(['customer_data_object' => $data]));
    }

    /**
     * Returns the customer's row; null if there is none.
     *
     * @param \Magento\Customer\Model\ResourceModel\Customer $resource
     * @param int $id
     * @return array|null
     */
    private function row($resource, int $id): ?array
    {
        $connection = $resource->getConnection();
        $select = $connection->select()
            ->from($resource->getEntityTable(), ['created_at', 'updated_at'])
            ->where('entity_id = ?', $id);

        return $connection->fetchRow($select) ?: null;
    }
}
