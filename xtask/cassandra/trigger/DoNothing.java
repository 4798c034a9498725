package chorus;

import java.util.Collection;
import java.util.Collections;
import org.apache.cassandra.db.Mutation;
import org.apache.cassandra.db.partitions.Partition;
import org.apache.cassandra.triggers.ITrigger;

/**
 * A trigger that adds nothing to any write: what tests make triggers of. The class beside it was compiled with
 * javac --release 11 -g:none, against the jars of Cassandra.
 */
public class DoNothing implements ITrigger {
    @Override
    public Collection<Mutation> augment(Partition update) {
        return Collections.emptyList();
    }
}
