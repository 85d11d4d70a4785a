<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\State;

use Magento\Framework\Model\AbstractModel;

/**
 * The rows of entities as they were before a transaction first saved them.
 *
 * An observer may save an entity again while it is being saved, by the same object or by another one. The
 * row is then already the new one, but the entity is still new, or changed, compared with the first row.
 */
class FirstRows
{
    /**
     * By kind and ID; null for an entity that had no row.
     *
     * @var array[]
     */
    private $rows = [];

    /**
     * New entities, which have no ID before they are inserted.
     *
     * @var AbstractModel[][]
     */
    private $new = [];

    /**
     * Returns the first row of an entity; null if it had none.
     *
     * @param string $kind
     * @param AbstractModel $entity
     * @param callable $read returns the row that the database has now
     * @return array|null
     */
    public function of(string $kind, AbstractModel $entity, callable $read): ?array
    {
        $this->nameInserted($kind);
        $id = (string)$entity->getId();
        if ($id === '') {
            $this->new[$kind][] = $entity;
            return null;
        }
        if (!array_key_exists($id, $this->rows[$kind] ?? [])) {
            $this->rows[$kind][$id] = $read();
        }

        return $this->rows[$kind][$id];
    }

    /**
     * Notes the IDs of new entities that were inserted meanwhile.
     */
    private function nameInserted(string $kind): void
    {
        foreach ($this->new[$kind] ?? [] as $key => $entity) {
            $id = (string)$entity->getId();
            if ($id !== '') {
                $this->rows[$kind][$id] = null;
                unset($this->new[$kind][$key]);
            }
        }
    }
}
