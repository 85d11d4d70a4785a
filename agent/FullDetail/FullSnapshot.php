<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\FullDetail;

use Magento\Framework\DataObject;
use MagentoEventBridge\Agent\Capture\ExecutionContext;
use MagentoEventBridge\Agent\Declared\Declarations;
use MagentoEventBridge\Agent\Declared\FieldPaths;
use MagentoEventBridge\Agent\Fence;
use MagentoEventBridge\Agent\Snapshot\Snapshot;
use MagentoEventBridge\Agent\Snapshot\SnapshotInterface;

/**
 * Adds the fields of full details to a snapshot, in store views that have them on.
 */
class FullSnapshot implements SnapshotInterface
{
    /**
     * @var SnapshotInterface
     */
    private $documented;

    /**
     * @var AdditionsInterface
     */
    private $additions;

    /**
     * @var DetailLevel
     */
    private $level;

    /**
     * @var ExecutionContext
     */
    private $execution;

    /**
     * @var Fence
     */
    private $fence;

    /**
     * @var Declarations
     */
    private $declarations;

    /**
     * @var FieldPaths
     */
    private $paths;

    /**
     * @var string
     */
    private $events;

    /**
     * @var string
     */
    private $object;

    /**
     * @param SnapshotInterface $documented
     * @param AdditionsInterface $additions
     * @param DetailLevel $level
     * @param ExecutionContext $execution
     * @param Fence $fence
     * @param Declarations $declarations
     * @param FieldPaths $paths
     * @param string $events how the names of the documented events begin
     * @param string $object where declared paths begin; empty: at the object itself
     */
    public function __construct(
        SnapshotInterface $documented,
        AdditionsInterface $additions,
        DetailLevel $level,
        ExecutionContext $execution,
        Fence $fence,
        Declarations $declarations,
        FieldPaths $paths,
        string $events,
        string $object = ''
    ) {
        $this->documented = $documented;
        $this->additions = $additions;
        $this->level = $level;
        $this->execution = $execution;
        $this->fence = $fence;
        $this->declarations = $declarations;
        $this->paths = $paths;
        $this->events = $events;
        $this->object = $object;
    }

    /**
     * @inheritdoc
     */
    public function storeId(DataObject $object): ?int
    {
        return $this->documented->storeId($object);
    }

    /**
     * Takes the snapshot; if the additions fail, it has the documented fields only.
     *
     * @param DataObject $object
     * @param array $stored
     * @return Snapshot|null
     */
    public function of(DataObject $object, array $stored = []): ?Snapshot
    {
        $snapshot = $this->documented->of($object, $stored);
        if ($snapshot === null) {
            return null;
        }
        $added = [];
        if ($this->level->isFull($this->viewOf($object, $stored))) {
            $this->fence->run('reading full details', function () use ($object, $stored, &$added): void {
                $added = $this->additions->of($object, $stored);
            });
        }
        $fields = array_replace_recursive($snapshot->getFields(), $added) + $this->declaredFields($object);

        return new Snapshot(
            $snapshot->getSubject(),
            $fields,
            $snapshot->isNew(),
            count($fields) > count($snapshot->getFields())
        );
    }

    /**
     * Returns the values of the fields that the shop adds to documented events.
     */
    private function declaredFields(DataObject $object): array
    {
        $fields = [];
        $this->fence->run('reading declared fields', function () use ($object, &$fields): void {
            $paths = $this->declarations->pathsOf($this->events);
            if ($paths) {
                $root = $this->object === '' ? $object : $object->getData($this->object);
                $fields[Snapshot::PATHS] = $this->paths->of($root, $paths);
            }
        });

        return $fields;
    }

    /**
     * Returns the store view of an object.
     */
    private function viewOf(DataObject $object, array $stored): int
    {
        return (int)($this->storeId($object) ?? $stored['store_id'] ?? $this->execution->getStoreId());
    }
}
