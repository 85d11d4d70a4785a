<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Declared;

use Magento\Framework\DataObject;
use Magento\Framework\Model\AbstractModel;
use MagentoEventBridge\Agent\Capture\Capture;
use MagentoEventBridge\Agent\Handover\TransactionBuffer;
use MagentoEventBridge\Agent\State\ObjectState;
use MagentoEventBridge\Agent\State\ObjectStates;
use MagentoEventBridge\Agent\State\StoredRow;
use MagentoEventBridge\Agent\Snapshot\Snapshot;
use MagentoEventBridge\Agent\Watcher\CaptureRecorder;
use MagentoEventBridge\Agent\Watcher\WatcherInterface;
use MagentoEventBridge\Agent\Capture\ExecutionContext;

/**
 * Captures the events that the shop declares.
 *
 * In each transaction, each own event of an object is captured once, with the object's last state.
 */
class DeclaredEvents implements WatcherInterface
{
    private const DECIMALS = 4;

    /**
     * @var Declarations
     */
    private $declarations;

    /**
     * @var FieldPaths
     */
    private $paths;

    /**
     * @var ObjectStates
     */
    private $states;

    /**
     * @var ExecutionContext
     */
    private $execution;

    /**
     * @var StoredRow
     */
    private $rows;

    /**
     * @var CaptureRecorder
     */
    private $recorder;

    /**
     * @var TransactionBuffer
     */
    private $buffer;

    /**
     * Own events whose object was reported as missing, as keys.
     *
     * @var bool[]
     */
    private $missing = [];

    /**
     * @param Declarations $declarations
     * @param FieldPaths $paths
     * @param ObjectStates $states
     * @param ExecutionContext $execution
     * @param StoredRow $rows
     * @param CaptureRecorder $recorder
     * @param TransactionBuffer $buffer
     */
    public function __construct(
        Declarations $declarations,
        FieldPaths $paths,
        ObjectStates $states,
        ExecutionContext $execution,
        StoredRow $rows,
        CaptureRecorder $recorder,
        TransactionBuffer $buffer
    ) {
        $this->declarations = $declarations;
        $this->paths = $paths;
        $this->states = $states;
        $this->execution = $execution;
        $this->rows = $rows;
        $this->recorder = $recorder;
        $this->buffer = $buffer;
    }

    /**
     * Handles an event that the shop has declared. If one of its own events fails, the others are captured.
     *
     * @param string $event
     * @param DataObject $data
     * @return void
     * @throws \Throwable the first failure
     */
    public function on(string $event, DataObject $data): void
    {
        foreach ($this->declarations->comparedBefore(strtolower($event)) as $name => $declared) {
            $object = $data->getData($declared['object']);
            if ($object instanceof AbstractModel) {
                $this->beforeSave((string)$name, $object);
            }
        }
        $failure = null;
        foreach ($this->declarations->ofMagentoEvent(strtolower($event)) as $name => $declared) {
            $object = $declared['object'] === '' ? $data : $data->getData($declared['object']);
            try {
                if ($object === null) {
                    $this->reportMissing((string)$name, $event, $declared['object'], $data);
                    continue;
                }
                $storeId = $this->storeId($object);
                if ($this->declarations->isOn($name, $storeId ?? $this->execution->getStoreId())) {
                    $this->capture((string)$name, $event, $declared, $object, $storeId);
                }
            } catch (\Throwable $exception) {
                $failure = $failure ?? $exception;
            }
        }
        if ($failure !== null) {
            throw $failure;
        }
    }

    /**
     * Reports once that the event's data has no such object, with the names that there are.
     *
     * @param string $name
     * @param string $event
     * @param string $object
     * @param DataObject $data
     * @return void
     * @throws \UnexpectedValueException
     */
    private function reportMissing(string $name, string $event, string $object, DataObject $data): void
    {
        if (isset($this->missing[$name]) || !$this->declarations->isOn($name, $this->execution->getStoreId())) {
            return;
        }
        $this->missing[$name] = true;
        $names = array_diff(array_keys((array)$data->getData()), ['name', 'event_name']);
        throw new \UnexpectedValueException(sprintf(
            "own event '%s' was not captured: the data of %s has no object '%s'; it has: %s",
            $name,
            $event,
            $object,
            implode(', ', $names) ?: 'nothing'
        ));
    }

    /**
     * Reads the object's row, so that the save can be compared with it, whether the object was loaded or not.
     */
    private function beforeSave(string $name, AbstractModel $object): void
    {
        if (!method_exists($object->getResource(), 'getMainTable')) {
            // An EAV entity has its values in many tables: Magento's original data is used instead.
            return;
        }
        $state = $this->states->of($object);
        $storeId = $this->storeId($object) ?? $this->execution->getStoreId();
        if ($state->declaredRow === null && $this->declarations->isOn($name, $storeId)) {
            $state->declaredRow = $this->rows->of($object) ?? [];
        }
    }

    /**
     * Captures one own event.
     *
     * @param string $name
     * @param string $event
     * @param array $declared
     * @param mixed $object
     * @param int|null $storeId
     * @return void
     */
    private function capture(string $name, string $event, array $declared, $object, ?int $storeId): void
    {
        if (!$object instanceof AbstractModel) {
            $this->buffer->add($this->newCapture($name, $event, $declared, $object, $storeId));
            return;
        }
        $state = $this->states->of($object);
        $key = 'declared/' . $name . '/' . ($object->getId() ?? spl_object_id($object));
        $held = $this->buffer->find($key);
        $isNew = $this->isNew($object, $state);
        $former = $isNew ? [] : $this->former($declared['changed'], $object, $state);
        $isWanted = $this->isSaveWanted($declared['save'], $isNew)
            && ($isNew || !$declared['changed'] || $former);
        if (!$isWanted && $held === null) {
            return;
        }
        $capture = $held ?? $this->newCapture($name, $event, $declared, $object, $storeId);
        $capture->show($this->fields($object, $declared), $former, $isNew);
        $capture->setTellsNothing(!$isWanted);
        foreach ($declared['changed'] as $column) {
            $state->announcedColumns[$column] = $object->getData($column);
        }
        $state->announcedColumns += [$object->getIdFieldName() ?: 'id' => $object->getId()];
        $this->buffer->hold($key, $capture, $state, $object);
    }

    /**
     * Creates the capture of an own event.
     *
     * @param string $name
     * @param string $event
     * @param array $declared
     * @param mixed $object
     * @param int|null $storeId
     * @return Capture
     */
    private function newCapture(string $name, string $event, array $declared, $object, ?int $storeId): Capture
    {
        $id = is_object($object) && (method_exists($object, 'getId') || $object instanceof DataObject)
            ? $object->getId()
            : null;
        $subject = $declared['subject'] !== '' && is_scalar($id) ? $declared['subject'] . '/' . $id : null;
        $snapshot = new Snapshot($subject, $this->fields($object, $declared));
        $capture = $this->recorder->capture($event, $storeId, $snapshot);
        $capture->setDeclared($name);

        return $capture;
    }

    /**
     * Returns the values of the declared paths.
     *
     * @param mixed $object
     * @param array $declared
     * @return array
     */
    private function fields($object, array $declared): array
    {
        return [Snapshot::PATHS => $this->paths->of($object, $declared['paths'])];
    }

    /**
     * Returns whether the object is new.
     */
    private function isNew(AbstractModel $object, ObjectState $state): bool
    {
        if ($state->declaredRow !== null) {
            return !$state->declaredRow;
        }

        return !$state->settledColumns
            && ($object->isObjectNew() || !$object->getOrigData($object->getIdFieldName() ?: 'id'));
    }

    /**
     * Returns whether the save is of the declared kind.
     */
    private function isSaveWanted(string $save, bool $isNew): bool
    {
        return $save === 'any' || ($save === 'created') === $isNew;
    }

    /**
     * Returns the former values of the columns that changed since they were loaded or last captured.
     *
     * @param string[] $columns
     * @param AbstractModel $object
     * @param ObjectState $state
     * @return array
     */
    private function former(array $columns, AbstractModel $object, ObjectState $state): array
    {
        $former = [];
        foreach ($columns as $column) {
            $known = ($state->declaredRow ?? []) + $state->settledColumns;
            $before = array_key_exists($column, $known) ? $known[$column] : $object->getOrigData($column);
            if ($object->hasData($column) && $this->differ($before, $object->getData($column))) {
                $former[$column] = is_scalar($before) ? $before : null;
            }
        }

        return $former;
    }

    /**
     * Returns whether two values differ: "10.0000" and 10 do not.
     *
     * @param mixed $before
     * @param mixed $now
     * @return bool
     */
    private function differ($before, $now): bool
    {
        if (is_numeric($before) && is_numeric($now)) {
            return round((float)$before, self::DECIMALS) !== round((float)$now, self::DECIMALS);
        }
        if (is_array($before) || is_array($now)) {
            return $before !== $now;
        }

        return !is_object($now) && !is_object($before) && (string)$before !== (string)$now;
    }

    /**
     * Returns the store view that an object belongs to; null if it names none.
     *
     * @param mixed $object
     * @return int|null
     */
    private function storeId($object): ?int
    {
        $storeId = $object instanceof DataObject ? $object->getData('store_id') : null;

        return is_numeric($storeId) ? (int)$storeId : null;
    }
}
